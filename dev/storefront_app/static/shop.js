// Comfort only: every page works without it.

// What a slider stands at.
for (const slider of document.querySelectorAll("input[type=range]")) {
  const shown = slider.parentElement.querySelector("output");
  const show = () => {
    const value = Number(slider.value) * Number(slider.dataset.scale);
    shown.value = `${Math.round(value * 100) / 100}${slider.dataset.unit}`;
  };
  slider.addEventListener("input", show);
  show();
}

// A form is sent once, and the page that answers opens where the customer was: beside the preview, if there is room for it.
const isWide = matchMedia("(min-width: 820px)").matches;
const place = `place ${location.pathname}`;
for (const form of document.querySelectorAll("form[enctype]")) {
  form.addEventListener("submit", (event) => {
    if (isWide || event.submitter?.name !== "do") sessionStorage.setItem(place, String(scrollY));
    document.body.classList.add("busy");
  });
}
addEventListener("pageshow", () => document.body.classList.remove("busy"));
const before = sessionStorage.getItem(place);
if (before !== null) {
  sessionStorage.removeItem(place);
  if (!document.querySelector("[role=alert]")) scrollTo(0, Number(before));
}

"""What ships, how it is started, and what the documents say about both must agree with the code."""

import ast
import base64
import importlib
import os
import re
import subprocess
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import pytest
import yaml  # type: ignore[import-untyped]
from dotenv import dotenv_values
from temporalio import workflow
from temporalio.common import SearchAttributeIndexedValueType

from config.settings import Environment, Settings, SettingsError, load_settings
from dev.world import devices
from models.order import HoldReason
from models.stock import DifferenceKind
from workflows.attributes import SEARCH_ATTRIBUTES
from workflows.order import OrderWorkflow
from workflows.refund import RefundWorkflow

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(
    path
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md"))
    if path.exists()
)
PRODUCTION_FORM = ROOT / "deploy" / "production.env.example"
DEV_ENV = ROOT / "deploy" / "dev.env"

VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(?::[-?](?P<rest>(?:[^{}]|\{[^}]*\})*))?\}")
LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<target>[^)\s]+)\)")

Compose = dict[str, Any]


@pytest.fixture(scope="module")
def compose() -> Compose:
    loaded: Compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text()


def shipped() -> list[str]:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    names: list[str] = build["only-include"]
    return names


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """Replace `${NAME:-default}` as compose does; an empty variable counts as unset."""

    def value(found: re.Match[str]) -> str:
        return variables.get(found["name"]) or interpolated(found["rest"] or "", variables)

    return VARIABLE.sub(value, text)


def application_environment(compose: Compose, variables: Mapping[str, str]) -> dict[str, str]:
    """What API and worker are given: the env file, and over it what compose says."""
    given = compose["x-app"]["environment"]
    return {**variables, **{name: interpolated(value, variables) for name, value in given.items()}}


def settings_of(variables: Mapping[str, str]) -> Settings:
    with mock.patch.dict(os.environ, dict(variables), clear=True):
        return load_settings(None)


def seconds(duration: str) -> float:
    number, unit = duration[:-1], duration[-1]
    return float(number) * {"s": 1, "m": 60}[unit]


class TestImage:
    def test_everything_that_ships_and_nothing_else_is_copied_into_the_build(self, dockerfile: str):
        build = dockerfile.partition(" AS dev-build")[0]
        copied = {word for line in re.findall(r"^COPY (?!--from)(.+)$", build, re.MULTILINE) for word in line.split()[:-1]}

        requirements = {"requirements.lock", "requirements-build.lock"}
        assert copied == {*shipped(), *requirements, "pyproject.toml", "README.md"}

    def test_what_is_copied_is_let_through_to_the_build(self, dockerfile: str):
        """.dockerignore refuses everything that it does not name, above all .env and .git."""
        allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
        copied = {word for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE) for word in line.split()[:-1]}

        assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"
        assert allowed == copied

    def test_every_package_is_installed_with_its_hash_and_nothing_besides(self, dockerfile: str):
        """An installer that resolves again picks releases that are newer than the lock, and stops at their missing hashes."""
        assert "--no-deps --require-hashes -r $<" in (ROOT / "Makefile").read_text()
        for line in re.findall(r"pip\S* .*install .*", dockerfile):
            assert "--no-deps --require-hashes" in line or "--no-deps --no-index" in line, line
        for name in re.findall(r"-r (\S+)", dockerfile):
            pins = [line for line in (ROOT / name).read_text().splitlines() if re.match(r"[a-z]", line)]
            assert pins
            assert all("==" in line and line.endswith("\\") for line in pins), name

    def test_the_default_target_runs_the_api_and_not_as_root(self, dockerfile: str):
        last_stage = dockerfile.rsplit("\nFROM ", 1)[1]
        command = re.search(r"^CMD (\[.*?\])$", last_stage.replace("\\\n", ""), re.MULTILINE)

        assert " AS runtime\n" in last_stage
        assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", last_stage, re.MULTILINE)
        assert command is not None
        words = ast.literal_eval(command[1])
        module, _, factory = words[1].partition(":")
        assert callable(getattr(importlib.import_module(module), factory))
        assert "--factory" in words

    def test_the_wheel_holds_migrations_catalogue_and_fonts_and_nothing_that_stays_at_home(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        backend = importlib.import_module("hatchling.build")
        monkeypatch.chdir(ROOT)
        name = backend.build_wheel(str(tmp_path))
        files = set(zipfile.ZipFile(tmp_path / name).namelist())
        migrations = {f"adapters/postgres/migrations/{path.name}" for path in (ROOT / "adapters/postgres/migrations").glob("*.*")}
        versions = {
            f"adapters/postgres/migrations/versions/{path.name}"
            for path in (ROOT / "adapters/postgres/migrations/versions").glob("*.py")
        }
        fonts = {f"adapters/rendering/fonts/{path.name}" for path in (ROOT / "adapters/rendering/fonts").iterdir()}
        data = {"adapters/postgres/catalogue.json", "adapters/rendering/cameras.json"}

        assert {*migrations, *versions, *fonts, *data, "worker.py"} <= files
        assert any(name.endswith("/OFL.txt") for name in fonts)
        assert {file.split("/")[0] for file in files if ".dist-info/" not in file} == set(shipped())


class TestCompose:
    def test_every_image_of_others_is_pinned_to_one_version(self, compose: Compose, dockerfile: str):
        images = {service["image"] for service in compose["services"].values() if "build" not in service}
        base = re.search(r"^ARG PYTHON_IMAGE=(.+)$", dockerfile, re.MULTILINE)

        assert base is not None
        for image in (*images, base[1]):
            assert re.search(r":\d+\.\d+(\.\d+)?(-[a-z-]+)?$", image), image

    def test_temporals_tools_are_of_its_servers_version(self, compose: Compose):
        """The schema that the tools write is the one that the server expects."""
        tags = {service["image"].partition(":")[2] for service in compose["services"].values() if is_temporal(service["image"])}

        assert len(tags) == 1

    def test_nothing_waits_for_a_service_that_is_not_there(self, compose: Compose):
        services = compose["services"]
        for name, service in services.items():
            for other in service.get("depends_on", {}):
                assert other in services
                assert set(services[other].get("profiles", [])) <= set(service.get("profiles", [])), f"{name} waits for {other}"

    def test_emulators_and_their_image_exist_under_the_profile_dev_only(self, compose: Compose):
        dev = {name for name, service in compose["services"].items() if service.get("build", {}).get("target") == "dev"}

        assert dev == {name for name, service in compose["services"].items() if service.get("profiles") == ["dev"]}
        assert "emulators" in dev

    def test_every_mounted_file_is_there_and_every_script_can_be_read_by_sh(self, compose: Compose):
        volumes = [volume for service in compose["services"].values() for volume in service.get("volumes", [])]
        mounted = [ROOT / volume.split(":")[0] for volume in volumes if volume.startswith("./")]

        assert mounted
        assert all(path.exists() for path in mounted)
        scripts = list((ROOT / "deploy").rglob("*.sh"))
        assert scripts
        for script in scripts:
            subprocess.run(["/bin/sh", "-n", str(script)], check=True)

    def test_a_stopping_worker_is_given_longer_than_its_steps_are(self, compose: Compose):
        settings = settings_of(dotenv_values(ROOT / ".env.example"))  # type: ignore[arg-type]

        given = timedelta(seconds=seconds(compose["services"]["worker"]["stop_grace_period"]))

        assert given > settings.worker.graceful_shutdown

    def test_a_stopping_api_is_given_longer_than_a_request_waits(self, compose: Compose, dockerfile: str):
        settings = settings_of(dotenv_values(ROOT / ".env.example"))  # type: ignore[arg-type]
        uvicorn = re.search(r'"--timeout-graceful-shutdown", "(\d+)"', dockerfile)

        assert uvicorn is not None
        assert timedelta(seconds=int(uvicorn[1])) > max(settings.api.update_wait, settings.api.success_wait)
        assert seconds(compose["services"]["api"]["stop_grace_period"]) > int(uvicorn[1])

    def test_our_processes_may_write_nothing_and_have_no_rights(self, compose: Compose):
        for name, service in compose["services"].items():
            if "build" in service:
                assert service["read_only"], name
                assert service["cap_drop"] == ["ALL"], name
                assert service["init"], name

    def test_only_this_machine_reaches_the_ports(self, compose: Compose):
        ports = [port for service in compose["services"].values() for port in service.get("ports", [])]

        assert ports
        assert all(port.startswith("127.0.0.1:") for port in ports)

    def test_what_is_started_by_module_exists(self, compose: Compose):
        commands = [service["command"] for service in compose["services"].values() if "-m" in service.get("command", [])]

        assert len(commands) >= 4
        for command in commands:
            module = importlib.import_module(command[command.index("-m") + 1])
            assert callable(module.main)

    def test_every_variable_has_a_default_or_stands_in_the_form(self, compose: Compose):
        text = (ROOT / "docker-compose.yml").read_text()
        without_default = {found["name"] for found in VARIABLE.finditer(text) if not found["rest"]}

        assert without_default <= set(dotenv_values(PRODUCTION_FORM))

    def test_the_bootstrap_registers_exactly_our_search_attributes(self):
        script = (ROOT / "deploy/temporal/namespace.sh").read_text()
        names = {
            SearchAttributeIndexedValueType.KEYWORD: "Keyword",
            SearchAttributeIndexedValueType.INT: "Int",
            SearchAttributeIndexedValueType.BOOL: "Bool",
        }

        registered = re.findall(r"--name (\w+) --type (\w+)", script)

        assert registered == [(key.name, names[key.indexed_value_type]) for key in SEARCH_ATTRIBUTES]


def is_temporal(image: str) -> bool:
    return image.startswith(("temporalio/server:", "temporalio/admin-tools:"))


class TestForms:
    """The two env files that installations are made of."""

    def test_the_filled_form_is_a_production_that_starts(self, compose: Compose):
        settings = settings_of(application_environment(compose, filled_form()))

        assert settings.is_production
        assert settings.temporal.address == "temporal:7233"
        assert urlsplit(settings.database.url.get_secret_value()).hostname == "postgres"

    def test_an_empty_line_of_the_form_is_named_by_the_process_that_does_not_start(self, compose: Compose):
        """Nothing that must be filled in is forgotten silently, but what may be empty."""
        form = filled_form()
        may_be_empty = {"VERSION", "OPERATOR_ACCOUNTS", "API_TRUSTED_PROXIES"}
        by_compose = {name for name in form if name.startswith("POSTGRES_")}

        for name in blanks() - may_be_empty - by_compose:
            with pytest.raises(SettingsError) as refused:
                settings_of(application_environment(compose, form | {name: ""}))
            assert any(problem.startswith(name) or name in problem for problem in refused.value.problems), name

    def test_compose_itself_asks_for_the_passwords(self):
        text = (ROOT / "docker-compose.yml").read_text()

        for name in blanks():
            if name.startswith("POSTGRES_"):
                assert f"${{{name}:?" in text

    def test_every_line_of_the_forms_is_a_setting_or_a_variable_of_compose(self):
        known = {
            f"{group}_{field}".upper() for group, of in Settings.model_fields.items() for field in group_fields(of.annotation)
        }
        compose_knows = {found["name"] for found in VARIABLE.finditer((ROOT / "docker-compose.yml").read_text())}

        for path in (PRODUCTION_FORM, DEV_ENV):
            assert set(dotenv_values(path)) <= {*known, *compose_knows, "ENVIRONMENT", "COMPOSE_PROFILES"}, path.name

    def test_the_development_world_in_containers_is_complete(self, compose: Compose):
        variables = {name: value for name, value in dotenv_values(DEV_ENV).items() if value}

        settings = settings_of(application_environment(compose, variables))

        assert settings.environment is Environment.DEVELOPMENT
        assert settings.manufacturer.default_device_id == devices()[0]

    def test_each_emulator_listens_where_the_development_world_looks_for_it(self, compose: Compose):
        emulators = compose["services"]["emulators"]
        published = {int(port.split(":")[1]) for port in emulators["ports"]}
        (alias,) = emulators["networks"]["outside"]["aliases"]
        variables = dotenv_values(DEV_ENV)

        addresses = [
            urlsplit(variables[name] or "")
            for name in ("STRIPE_API_BASE", "MANUFACTURER_BASE_URL", "GEMINI_BASE_URL", "STORAGE_ENDPOINT_URL")
        ]

        assert {address.hostname for address in addresses} == {alias}
        assert {address.port for address in addresses} <= published
        api = urlsplit(variables["IMAGE_LINK_PUBLIC_BASE_URL"] or "")
        assert api.hostname in compose["services"]["api"]["networks"]["outside"]["aliases"]


def group_fields(group: Any) -> Iterator[str]:
    yield from getattr(group, "model_fields", {})


def blanks() -> set[str]:
    return {name for name, value in dotenv_values(PRODUCTION_FORM).items() if not value}


def filled_form() -> dict[str, str]:
    """The form as a person would fill it in."""
    key = f"2026:{base64.b64encode(b'k' * 32).decode()}"
    answers = {
        "VERSION": "1f2e3d4",
        "TEMPORAL_UI_ORIGINS": "https://temporal.shop.example",
        "TEMPORAL_CODEC_KEYS": key,
        "IMAGE_LINK_KEYS": key,
        "OPERATOR_ACCOUNTS": "anna:0123456789abcdef",
        "STRIPE_API_KEY": "rk_live_0123456789",
        "STRIPE_WEBHOOK_SECRETS": "whsec_0123456789",
        "MANUFACTURER_BASE_URL": "https://manufacturer.example/mobileShell/en",
        "STORAGE_ENDPOINT_URL": "https://account.r2.cloudflarestorage.com",
        "IMAGE_LINK_PUBLIC_BASE_URL": "https://api.shop.example",
        "STOREFRONT_URL": "https://shop.example",
        "API_TRUSTED_PROXIES": "10.0.0.0/8",
    }
    form = {name: value or answers.get(name, "filled-in") for name, value in dotenv_values(PRODUCTION_FORM).items()}
    assert set(answers) <= set(form)
    return form


class TestDocuments:
    @pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
    def test_every_link_leads_somewhere(self, document: Path):
        for link in links(document):
            path, _, anchor = link["target"].partition("#")
            target = (document.parent / path).resolve() if path else document

            assert target.exists(), link["target"]
            if anchor and target.suffix == ".md":
                assert anchor in anchors(target), link["target"]

    @pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
    def test_every_function_that_is_pointed_at_is_in_the_file(self, document: Path):
        """[`name`](path.py) names a class, function, method or constant of that file."""
        for link in links(document):
            name = re.fullmatch(r"`@?([A-Za-z_]\w*)[^`/.]*`", link["text"])
            if name and link["target"].endswith(".py"):
                assert name[1] in defined_in((document.parent / link["target"]).resolve()), f"{name[1]} in {link['target']}"

    def test_the_walk_points_at_many_functions(self):
        architecture = ROOT / "docs" / "architecture.md"

        assert sum(link["target"].endswith(".py") for link in links(architecture)) > 30

    @pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
    def test_every_make_target_and_every_module_that_is_named_exists(self, document: Path):
        text = document.read_text()
        targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

        assert set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE)) <= targets
        for module in re.findall(r"python -m ([a-z_.]*[a-z_])", text):
            assert (ROOT / f"{module.replace('.', '/')}.py").exists() or (
                ROOT / module.replace(".", "/") / "__main__.py"
            ).exists(), module

    @pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
    def test_every_variable_that_is_named_exists(self, document: Path):
        known = set(re.findall(r"^#?([A-Z][A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
        known |= {found["name"] for found in VARIABLE.finditer((ROOT / "docker-compose.yml").read_text())}
        groups = "|".join(name.upper() for name in Settings.model_fields if name != "environment")
        named = set(re.findall(rf"`((?:{groups})_[A-Z_]+[A-Z])(?:=[^`]*)?`", document.read_text()))

        assert named <= known

    def test_the_runbook_explains_every_hold_and_no_other(self):
        explained = re.findall(r"^\| `(\w+)` \|", section("Why an order waits"), re.MULTILINE)

        assert explained == [reason.value for reason in HoldReason]

    def test_the_runbook_explains_every_difference_and_no_other(self):
        rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", section("What to do when …"), re.MULTILINE)

        assert {kind for row in rows for kind in re.findall(r"\w+", row)} == set(DifferenceKind)

    def test_the_runbook_explains_every_update_and_signal(self):
        text = section("What each update does")
        table = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
        order, refund = (workflow._Definition.must_from_class(cls) for cls in (OrderWorkflow, RefundWorkflow))

        our_own = {"checkout", "report_payment", "submit_design", "approve_artwork"}
        assert table == {name for name in order.updates if name and name not in our_own}
        for name in (*order.updates, *order.signals, *refund.updates, *refund.signals):
            assert f"`{name}`" in text

    def test_saved_views_search_by_attributes_that_exist(self):
        system = {"WorkflowType", "ExecutionStatus", "TemporalReportedProblems"}
        queries = re.findall(r"^\| [^|]+ \| `(.+)` \|$", section("What waits for a person"), re.MULTILINE)

        assert len(queries) > 5
        for query in queries:
            used = set(re.findall(r"(\w+) (?:=|IN|IS)", query))
            assert used <= {key.name for key in SEARCH_ATTRIBUTES} | system, query


def links(document: Path) -> list[re.Match[str]]:
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [link for link in LINK.finditer(text) if "://" not in link["target"]]


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub makes of headings."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def section(heading: str) -> str:
    text = (ROOT / "docs" / "runbook.md").read_text()
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def defined_in(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case ast.Assign(targets=targets):
                names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names

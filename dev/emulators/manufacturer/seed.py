"""The manufacturer's catalogue as it was recorded: brands, and the shells that a machine holds.

The sizes are texts in millimetres and belong to the shell, not to the model: the iPhone 15 Pro and the iPhone 16 Pro Max exist
with two shells each. ``price`` is the manufacturer's own price in yuan and no price of ours. The shell of the Galaxy S22+ and
the sizes of the iPhone 13 and the Galaxy S22+ were not recorded: they are plausible inventions, so that a second brand can be
tried.
"""

from dataclasses import dataclass

APPLE = "BR20250111000002"
SAMSUNG = "BR020250120000001"


@dataclass(frozen=True, slots=True)
class BrandSeed:
    """One brand, with the name that the manufacturer uses and the English one."""

    id: str
    name: str
    e_name: str


@dataclass(frozen=True, slots=True)
class ShellSeed:
    """One shell of one phone model; width and height in millimetres, as text."""

    brand_id: str
    model_id: str
    model_name: str
    shell_id: str
    width: str
    height: str
    edition: str = "standard edition"
    price: str = "10.00"


BRANDS = (
    BrandSeed(APPLE, "苹果", "Apple"),
    BrandSeed(SAMSUNG, "三星", "SAMSUNG"),
    BrandSeed("BR102504010001", "华为", "HUAWEI"),
    BrandSeed("BR102504060001", "红米", "Redmi"),
    BrandSeed("BR102508050001", "魅族", "Meizu"),
    BrandSeed("BR102504020001", "欧珀", "OPPO"),
    BrandSeed("BR102504020002", "维沃", "VIVO"),
    BrandSeed("BR20250111000001", "小米", "Xiaomi"),
    BrandSeed("BR102504070001", "荣耀", "HONOR"),
    BrandSeed("BR102507100001", "真我", "RealMe"),
    BrandSeed("BR102507170001", "谷歌", "Google"),
    BrandSeed("BR102508060001", "摩托罗拉", "Motorola"),
)

SHELLS = (
    ShellSeed(APPLE, "MM020250224000010", "iPhone 15 Pro", "MS102509090019", "69.43", "145.12"),
    ShellSeed(APPLE, "MM020250224000010", "iPhone 15 Pro", "MS102503270003", "73.24", "149.27", edition="basic edition"),
    ShellSeed(APPLE, "MM020250224000011", "iPhone 15 Pro Max", "MS102509090018", "75.35", "158.33"),
    ShellSeed(APPLE, "MM1020250226000002", "iPhone 16 Pro Max", "MS102504100001", "78.91", "164.34", edition="basic edition"),
    ShellSeed(APPLE, "MM1020250226000002", "iPhone 16 Pro Max", "MS102509090020", "76.03", "161.04"),
    ShellSeed(APPLE, "MM1020250227000001", "iPhone 12 mini", "MS102503290004", "68.58", "135.97"),
    ShellSeed(APPLE, "MM102503290004", "iPhone XS Max", "MS102503290010", "75.95", "156.04"),
    ShellSeed(APPLE, "MM102508150001", "iPhone 17 Pro Max", "MS102509200003", "77.55", "147.07"),
    ShellSeed(APPLE, "MM102508150004", "iPhone 17 Air", "MS102509200001", "78.99", "164.59"),
    ShellSeed(APPLE, "MM020250120000001", "iPhone 13", "MS102503280009", "71.50", "146.70"),
    ShellSeed(SAMSUNG, "MM020250120000002", "Galaxy S22+", "MS102503280099", "75.80", "157.40"),
)

SHOPS = (("SP102503010001", "Default shop"),)

MODEL_NAMES = {shell.model_id: shell.model_name for shell in SHELLS}
BRAND_NAMES = {brand.id: brand.e_name for brand in BRANDS}


def goods(number: int, shop_id: str, shell: ShellSeed) -> dict[str, str]:
    """One line of ``goods/list``: the only place that names the kind of shell."""
    return {
        "id": f"G10250301{number:04d}",
        "shop_id": shop_id,
        "brand_id": shell.brand_id,
        "brand_ename": BRAND_NAMES[shell.brand_id],
        "mobile_model_id": shell.model_id,
        "mobile_model_name": shell.model_name,
        "mobile_shell_id": shell.shell_id,
        "mobile_shell_name": f"{shell.model_name} {shell.edition}",
        "mobile_shell_sku": f"SKU{number:06d}",
        "shell_classify_id": f"SC{1 if shell.edition == 'basic edition' else 2:04d}",
        "shell_classify_ename": shell.edition,
    }

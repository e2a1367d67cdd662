"""What people call an area, an indicator and the rest, for those that the dashboards meet by code or slug."""

from typing import Final

from schemas.indicators import CATALOGUE

AREAS: Final = {
    "CN": "China",
    "110000": "Beijing",
    "110101": "Dongcheng",
    "110102": "Xicheng",
    "110105": "Chaoyang",
    "110106": "Fengtai",
    "110107": "Shijingshan",
    "110108": "Haidian",
    "110109": "Mentougou",
    "110111": "Fangshan",
    "110112": "Tongzhou",
    "110113": "Shunyi",
    "110114": "Changping",
    "110115": "Daxing",
    "110116": "Huairou",
    "110117": "Pinggu",
    "110118": "Miyun",
    "110119": "Yanqing",
    "X-BDA": "Economic Development Zone",
    "120000": "Tianjin",
    "130000": "Hebei",
    "310000": "Shanghai",
    "330100": "Hangzhou",
    "440000": "Guangdong",
    "440100": "Guangzhou",
    "440300": "Shenzhen",
    "520100": "Guiyang",
}
"""English names; an area that is missing here is shown by its code."""

ASSET_TYPES: Final = {
    "base_station_5g": "5G base stations",
    "data_center": "Data centres",
    "rack": "Racks",
    "computing_cluster": "Computing clusters",
    "large_model": "Large models",
    "spatial_node": "Spatial nodes",
}

INDICATORS: Final = {slug: indicator.title for slug, indicator in CATALOGUE.items()}

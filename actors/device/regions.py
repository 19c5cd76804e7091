"""Which edge serves a region, for gateways that tell only the region."""

from collections.abc import Mapping
from types import MappingProxyType

EDGES: Mapping[str, str] = MappingProxyType(
    {
        "ASIAPAC_SINGAPORE": "singapore",
        "ASIAPAC_SYDNEY": "sydney",
        "ASIAPAC_TOKYO": "tokyo",
        "EU_FRANKFURT": "frankfurt",
        "EU_IRELAND": "dublin",
        "SOUTH_AMERICA_SAO_PAULO": "sao-paulo",
        "US_EAST_VIRGINIA": "ashburn",
        "US_WEST_OREGON": "umatilla",
    }
)


def edge_of(edge: str | None, region: str | None) -> str | None:
    """The edge that was told, else that of the region; a region that is not known stands for itself."""
    return edge or EDGES.get(region or "", region)

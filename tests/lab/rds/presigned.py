"""PreSignedUrl, which botocore adds when it is given SourceRegion (which itself never goes over the wire)."""

from __future__ import annotations

import urllib.parse
from typing import TYPE_CHECKING

from tests.lab.rds.model import invalid_value

if TYPE_CHECKING:
    from tests.lab.rds.lab import Arguments, Call
    from tests.lab.rds.state import Region


def check(call: Call, arguments: Arguments, origin: Region, action: str, source: str) -> None:
    """Refuse a PreSignedUrl that is not about this very request; `source` is the member that names the source.

    Source: CopyDBSnapshot, PreSignedUrl: "Don't specify PreSignedUrl when you are copying an encrypted DB snapshot in
    the same Amazon Web Services Region"; "DestinationRegion - [...] where the CopyDBSnapshot operation is called". RDS
    ignores it outside of GovCloud; here a wrong one is refused, since it means that the caller's regions are mixed up.
    """
    url = arguments.get("PreSignedUrl")
    if url is None:
        return
    said = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
    wanted = {
        "Action": action,
        "DestinationRegion": call.region.name,
        source: arguments[source],
        "KmsKeyId": arguments.get("KmsKeyId"),
    }
    scope = said.get("X-Amz-Credential", "").split("/")
    signed_for = scope[2] if len(scope) == 5 else None
    wrong = sorted(name for name, value in wanted.items() if said.get(name) != value)
    if origin.name == call.region.name or wrong or signed_for != origin.name:
        raise invalid_value(
            f"The PreSignedUrl could not be authenticated: it is signed for {signed_for}, the source is in "
            f"{origin.name}, and it differs from the request in {', '.join(wrong) or 'nothing'}"
        )

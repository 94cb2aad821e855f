"""Published versions and aliases: one machine has one version of the code, so an alias only names its function.

What a deployment does with two versions (weights, a canary) has no counterpart here and is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from scrutineer.local.errors import TemplateUnsupported
from scrutineer.local.template_resources import Resources


@dataclass(frozen=True)
class Published:
    """`arn` is the alias's: what its function is invoked by, and finds as `context.invoked_function_arn`."""

    arn: str
    version: str


def published(resources: Resources) -> Mapping[str, Published]:
    """The alias of each function that has one, by the function's logical id.

    Raises `TemplateUnsupported` for a second alias of a function, and for an alias of anything but the version that the
    template itself publishes.
    """
    versions = {
        (version["FunctionName"], resources.attributes.get_att(logical_id, "Version"))
        for logical_id, version in resources.all("AWS::Lambda::Version")
    }
    found: dict[str, Published] = {}
    for logical_id, alias in resources.all("AWS::Lambda::Alias"):
        function = resources.find("AWS::Lambda::Function", alias["FunctionName"], logical_id)
        version = str(alias["FunctionVersion"])
        if (alias["FunctionName"], version) not in versions:
            raise TemplateUnsupported(
                logical_id, f"an alias of version {version}, which this template does not publish"
            )
        if function in found:
            raise TemplateUnsupported(logical_id, f"a second alias of {function}")
        found[function] = Published(resources.attributes.ref(logical_id), version)
    return found

"""How many instances SageMaker runs for a stack: while the service is closed, while it is open, at most."""

from dataclasses import dataclass

from scrutineer.deployment.resources import Expected, of_type

TARGETS = ("sagemaker:variant:DesiredInstanceCount", "sagemaker:inference-component:DesiredCopyCount")


@dataclass(frozen=True)
class Instances:
    """`types` in the order in which they are taken. A copy of a model is counted as an instance of its own.

    `updating` is the most that there may be while an update has old and new ones side by side.
    """

    types: tuple[str, ...]
    closed: int
    open: int
    most: int
    updating: int


def endpoint_instances(resources: list[Expected]) -> list[Instances]:
    """One entry a variant; its scaling is that of the stack's scalable target, where there is one."""
    found = []
    for configuration in of_type(resources, "AWS::SageMaker::EndpointConfig"):
        for variant in configuration.properties.get("ProductionVariants") or []:
            pool = sorted(variant.get("InstancePools") or [], key=lambda each: int(each.get("Priority", 1)))
            types = tuple(each["InstanceType"] for each in [variant, *pool] if each.get("InstanceType"))
            managed = variant.get("ManagedInstanceScaling") or {}
            first = int(variant.get("InitialInstanceCount") or 0)
            least = int(managed.get("MinInstanceCount", first))
            closed, opened, most = _scaled(resources, least, max(first, int(managed.get("MaxInstanceCount") or 0)))
            # Blue/green brings a second fleet beside the first; managed instances have a limit that allows for it.
            updating = max(most, int(managed["MaxInstanceCount"])) if "MaxInstanceCount" in managed else 2 * most
            found.append(Instances(types, closed, opened, most, updating))
    return found


def _scaled(resources: list[Expected], least: int, most: int) -> tuple[int, int, int]:
    for target in of_type(resources, "AWS::ApplicationAutoScaling::ScalableTarget"):
        if target.properties.get("ScalableDimension") in TARGETS:
            minimum = int(target.properties["MinCapacity"])
            scheduled = [
                int(action["ScalableTargetAction"].get("MinCapacity", minimum))
                for action in target.properties.get("ScheduledActions") or []
            ]
            counts = [minimum, *scheduled]
            return min(counts), max(counts), int(target.properties["MaxCapacity"])
    return least, least, most

"""What the tests of the WAF log share: a point whose web ACL logs to a group of its own."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from aws_support import boto
from waf_support import Bed, bed

from activities.aws_waf_point import WafPoint
from stanch.sandbox._aws.edge import AwsEdge
from stanch.sandbox.aws import AwsStandin

_numbers = itertools.count(1)


@dataclass
class Logged:
    """A bed with a log.

    Args:
        group: name of the log group.
    """

    bed: Bed
    group: str

    def point(self, edge: AwsEdge | None = None, **more: Any) -> WafPoint:
        """A point that has read nothing yet, whose probes go to the edge."""
        return self.bed.another(log_group=self.group, **({"base_url": edge.url} if edge else {}), **more)

    def log_to(self, group: str, **more: Any) -> None:
        arn = f"arn:aws:logs:{self.bed.aws.region}:{self.bed.aws.account}:log-group:{group}"
        wanted = {"ResourceArn": self.bed.customer.arn, "LogDestinationConfigs": [arn], **more}
        boto(self.bed.aws).put_logging_configuration(LoggingConfiguration=wanted)


def logged(aws: AwsStandin, **more: Any) -> Logged:
    """The web ACL logs; `more` are members of its logging configuration."""
    group = f"aws-waf-logs-{next(_numbers)}"
    boto(aws, "logs").create_log_group(logGroupName=group)
    made = Logged(bed(aws, log_group=group), group)
    made.log_to(group, **more)
    return made

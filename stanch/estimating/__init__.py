"""What a block would hit, judged over recorded requests in three values: yes, no, and unknown."""

from stanch.estimating.condition import Claim, Condition, Every, From, judge
from stanch.estimating.tally import Tally, judged, tally
from stanch.estimating.traffic import Request, from_sample, from_waf_log
from stanch.estimating.truth import Truth, known
from stanch.estimating.waf import read_statement

__all__ = [
    "Claim",
    "Condition",
    "Every",
    "From",
    "Request",
    "Tally",
    "Truth",
    "from_sample",
    "from_waf_log",
    "judge",
    "judged",
    "known",
    "read_statement",
    "tally",
]

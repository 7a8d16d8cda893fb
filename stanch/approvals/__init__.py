"""Who consents to what: requests, votes and the rules that settle them; pure, so that workflows may use them."""

from stanch.approvals.consent import check_proof, covers, proof_of
from stanch.approvals.judge import expire, judge, open_lines
from stanch.approvals.model import (
    ApprovalRequest,
    ApprovalState,
    Bound,
    Code,
    Decided,
    Need,
    Outcome,
    Refusal,
    Settled,
    Verdict,
    Vote,
)
from stanch.approvals.requests import check_request

__all__ = [
    "ApprovalRequest",
    "ApprovalState",
    "Bound",
    "Code",
    "Decided",
    "Need",
    "Outcome",
    "Refusal",
    "Settled",
    "Verdict",
    "Vote",
    "check_proof",
    "check_request",
    "covers",
    "expire",
    "judge",
    "open_lines",
    "proof_of",
]

"""Error codes of AWS, by what they mean for the next step; each service has spellings of its own."""

from __future__ import annotations

CONFLICT = frozenset(
    {
        "ConcurrentModification",  # as IAM spells it
        "ConcurrentModificationException",
        "ConflictException",
        "EntityTemporarilyUnmodifiable",
        "WAFOptimisticLockException",
    }
)
TRANSIENT = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "SlowDown",
        "WAFUnavailableEntityException",
        "WAFTagOperationException",
        "WAFTagOperationInternalErrorException",
    }
)
AUTH = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "NotAuthorizedException",
        "OptInRequired",
        "SignatureDoesNotMatch",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
    }
)
UNSUPPORTED = frozenset({"InvalidAction", "NotImplemented", "UnknownOperationException"})
MISSING = frozenset(
    {"NoSuchEntity", "ResourceNotFoundException", "UserNotFoundException", "WAFNonexistentItemException"}
)
TAKEN = frozenset({"WAFDuplicateItemException"})

"""Under which names secrets are kept: headers, keys and options, as patterns in lower case."""

from __future__ import annotations

HEADERS = (
    r"(?:proxy-|x-)?authorization|(?:set-)?cookie2?|(?:x-|api-)*(?:api[_-]?key|apikey)|x-goog-api-key|x-rapidapi-key"
    r"|x-functions-key|ocp-apim-subscription-key|(?:x|private|job|deploy)-[a-z-]{0,32}token"
    r"|x-[a-z-]{0,32}(?:secret|signature|session|credential|password)|cf-access-(?:client-secret|jwt-assertion)"
)
STRONG = (
    r"passw(?:or)?d|passphrase|passcode|pwd|secret|api[_-]?key|(?:access|private|account|signing|encryption|master"
    r"|shared|subscription|storage)[_-]?(?:access[_-]?)?key|token|credential|aws[_-]?secret|signature|connection[_-]?string"
)
WEAK = (
    r"j?sess(?:ion)?[_-]?(?:id|key)?|phpsessid|asp\.net_sessionid|connect\.sid|sid|sig|otp|totp|pin|cvv2?|cvc2?|ssn|iban"
    r"|pan|card[_-]?(?:number|no)|tax[_-]?id|nino|pesel|bsn|cpf|aadhaar|passport(?:[_-]?(?:no|number))?|csrf|xsrf"
    r"|user:pass|x-amz-credential|x-goog-credential"
)

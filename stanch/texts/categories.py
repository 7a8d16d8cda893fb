"""The OWASP API Security Top 10 (2023) in plain words: why it matters, how to see it, how to fix it, how it is checked."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Category(BaseModel):
    """One kind of weakness, told to the developer who has to fix it."""

    model_config = ConfigDict(frozen=True)

    code: str = ""
    name: str = ""
    meaning: str
    harm: str
    reproduce: str
    fix: tuple[str, ...]
    check: str


UNKNOWN = Category(
    meaning="The tool that reported this did not say which kind of API weakness it is.",
    harm="How much harm it can do depends on what this endpoint gives access to.",
    reproduce="Follow the report in a test environment, with an account and data of your own.",
    fix=(
        "Find the handler of this endpoint and compare what it does with what the API description promises.",
        "Fix the cause in the service, not only at the gateway.",
        "Add a test that fails without the fix.",
    ),
    check="The reporting tool looks again; the ticket closes when it no longer finds the problem.",
)

_ALL = (
    Category(
        code="API1:2023",
        name="Broken object level authorization",
        meaning="The endpoint takes the id of an object from the request and does not check whether the caller may see or change that object.",
        harm="Anybody with any account can read or change other people's records by trying other ids.",
        reproduce="Sign in as test user A, note the id of an object of A, then ask for it with the token of test user B. B must not get it.",
        fix=(
            "Check on the server, for every object, that it belongs to the caller or that the caller's role allows it.",
            "Put that check where objects are loaded, so that no handler can forget it.",
            "Answer 404 or 403 in the same way for objects that do not exist and for those of others.",
            "Add a test with two users for every endpoint that takes an id.",
        ),
        check="The scanner asks again with two accounts, and the second one must be refused.",
    ),
    Category(
        code="API2:2023",
        name="Broken authentication",
        meaning="The way callers prove who they are can be skipped, guessed or forged.",
        harm="An attacker can act as another user, with everything that user may do.",
        reproduce="Repeat the request without a token, with an expired one, and with one whose signature you changed. Each must get 401.",
        fix=(
            "Check signature, issuer, audience and expiry of every token, with a fixed list of algorithms.",
            "Limit attempts to sign in and to reset passwords, per account and per address.",
            "Use the identity provider's library and sessions; do not write your own.",
            "Revoke tokens when a password changes or a user signs out.",
        ),
        check="The scanner repeats the request with missing, expired and altered tokens; all must be refused.",
    ),
    Category(
        code="API3:2023",
        name="Broken object property level authorization",
        meaning="The endpoint returns fields that the caller should not see, or accepts fields that the caller should not set.",
        harm="Personal or internal data leaves with every normal answer, or a caller changes a field such as a role or a price.",
        reproduce="Call the endpoint as a test user with the fewest rights and compare every field of the answer with the API description.",
        fix=(
            "Return an explicit list of fields per role; never serialise the whole database object.",
            "Accept an explicit list of fields when writing and refuse all others.",
            "Let the API description forbid additional properties and check answers against it in tests.",
            "Find out from the logs who has already received the data, and tell the data protection officer.",
        ),
        check="The scanner compares the answer with the API description; fields that are not in it must be gone.",
    ),
    Category(
        code="API4:2023",
        name="Unrestricted resource consumption",
        meaning="One caller can make the service use as much memory, time, storage or paid calls as they like.",
        harm="The service becomes slow or stops for everybody, or it runs up a bill.",
        reproduce="In a test environment ask for a very large page and send a burst of requests; both must be limited.",
        fix=(
            "Limit requests per caller and time, and answer 429 beyond it.",
            "Set a maximum for page size, body size, upload size and the depth and cost of queries.",
            "Give every call to a database or to another service a time limit.",
            "Limit what costs money per caller (messages, mails, calls to paid services) and raise an alarm on it.",
        ),
        check="The scanner sends a short burst to the test environment and expects 429 before the limit is passed.",
    ),
    Category(
        code="API5:2023",
        name="Broken function level authorization",
        meaning="A function meant for some roles, such as administrators, can be called by others.",
        harm="An ordinary user can do what only staff should do: change accounts, export data, switch things off.",
        reproduce="Call the endpoint with the token of a test user who lacks the role, and with other HTTP methods. All must get 403 or 405.",
        fix=(
            "Refuse by default; every function names the roles that may call it.",
            "Check the role on the server for every method, not only for those the user interface uses.",
            "Keep administrative endpoints on their own router or host, behind their own policy.",
            "Test every function with every role.",
        ),
        check="The scanner calls the function with a role that must not have it; it must be refused.",
    ),
    Category(
        code="API6:2023",
        name="Unrestricted access to sensitive business flows",
        meaning="A flow that is fine for people, such as buying, booking or signing up, can be driven by a program at any speed.",
        harm="Stock is bought out, accounts are made in bulk, offers are drained; customers and the business lose.",
        reproduce="In a test environment run the flow from a script as one test user, faster than a person could.",
        fix=(
            "Decide with the business how often one customer may use the flow, and enforce that per account.",
            "Make automation costly: device checks, proof of a person, delays where they do not hurt people.",
            "Watch for the pattern of machines: no page views between steps, impossible speed, many accounts on one device.",
        ),
        check="The flow is driven by a script in the test environment and must be slowed down or stopped.",
    ),
    Category(
        code="API7:2023",
        name="Server side request forgery",
        meaning="The service fetches an address that the caller chose, without checking where it leads.",
        harm="An attacker reaches internal services and cloud metadata through the server, with the server's rights.",
        reproduce="In a test environment give the endpoint an address of a server of your own and see whether it is called. Never use internal addresses for this.",
        fix=(
            "Allow only a fixed list of destinations; do not follow redirects.",
            "Resolve the name once, refuse private and link-local addresses, and connect to the address that was checked.",
            "Send such requests from a network that cannot reach internal services.",
            "Never pass the raw answer on to the caller.",
        ),
        check="The scanner offers an address of its own and must not be called.",
    ),
    Category(
        code="API8:2023",
        name="Security misconfiguration",
        meaning="Something around the API is set in an unsafe way: debug output, open endpoints, missing headers, old TLS, too broad CORS.",
        harm="It tells attackers how the system is built, or opens a door that the code itself keeps closed.",
        reproduce="Call the place named above as an anonymous user and compare the answer with the hardened setting.",
        fix=(
            "Correct the setting in the configuration that is deployed, not by hand on one server.",
            "Switch debug endpoints, stack traces and unused methods off in every environment but development.",
            "Put the setting under a test in the pipeline, so that it cannot come back.",
        ),
        check="The scanner reads the setting again from outside; it must have its hardened value.",
    ),
    Category(
        code="API9:2023",
        name="Improper inventory management",
        meaning="An endpoint, version or host is reachable that nobody looks after: old, undocumented, or a test system.",
        harm="Old versions keep old holes open, often with the same data behind them.",
        reproduce="Look the endpoint up in the API description and the inventory; then ask in the traffic log who still calls it.",
        fix=(
            "Decide: own it and document it, or switch it off with a date that its callers know.",
            "Route only what the API description names; refuse all else at the gateway.",
            "Keep real data out of test systems.",
        ),
        check="The endpoint is either in the inventory with an owner, or it answers 404 or 410 from outside.",
    ),
    Category(
        code="API10:2023",
        name="Unsafe consumption of APIs",
        meaning="The service trusts what another company's API answers more than it trusts its own users.",
        harm="When the other side is broken into or makes a mistake, its data runs through your system unchecked.",
        reproduce="In a test environment put a stand-in in the place of the other API and let it answer with wrong types, huge bodies and redirects.",
        fix=(
            "Check every answer against a schema, with a size and a time limit, before it is used.",
            "Do not follow redirects, and talk TLS with the certificate checked.",
            "Treat text from there as untrusted: encode it where it is shown or put into a query.",
        ),
        check="The stand-in's bad answers must be refused and must not reach storage or users.",
    ),
)
_BY_CODE = {category.code: category for category in _ALL}


def category_of(code: str) -> Category:
    """The words for a category such as `API8:2023`; `UNKNOWN` where there are none."""
    return _BY_CODE.get(code, UNKNOWN)

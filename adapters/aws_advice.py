"""What to do about the answers of AWS that concern who asks, whichever service gives them."""

from collections.abc import Mapping

CREDENTIALS_ADVICE: Mapping[str, str] = {
    "UnrecognizedClientException": "the credentials are not known; check AWS_PROFILE or the role",
    "InvalidClientTokenId": "the credentials are not known; check AWS_PROFILE or the role",
    "MissingAuthenticationTokenException": "no credentials were sent; check AWS_PROFILE or the role",
    "AccessDeniedException": "the credentials do not allow this; check the role's policy",
    "AccessDenied": "the credentials do not allow this; check the role's policy",
    "ExpiredTokenException": "the credentials have expired; renew them",
    "ExpiredToken": "the credentials have expired; renew them",
    **dict.fromkeys(
        ("InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignatureException"),
        "the signature is not taken; check this machine's clock, PROPENSITY_REGION, and the secret "
        "access key",
    ),
    "RequestExpired": "the request came too late; check this machine's clock",
}
"""By the code of the answer. Source: AWS, common errors."""

"""Currencies and the exact step between major and minor units. Source: ISO 4217."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

# ISO 4217 active codes of national currencies, and the exponents that are not 2.
_CODES = frozenset(
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD"
    " CAD CDF CHF CLF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL"
    " GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF"
    " KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN"
    " MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD"
    " SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH"
    " UGX USD UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG".split()
)
_EXPONENTS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}
_MAX_DIGITS = 30


@dataclass(frozen=True, slots=True)
class Currency:
    """An ISO 4217 currency: `exponent` is the number of decimals of its major unit."""

    code: str
    exponent: int

    @classmethod
    def of(cls, code: str) -> "Currency":
        """The currency of an ISO 4217 code.

        Raises:
            ValueError: not an active code; codes are upper case.
        """
        if code not in _CODES:
            raise ValueError(f"{code!r} is not an active ISO 4217 currency code, such as USD")
        return cls(code, _EXPONENTS.get(code, 2))

    @property
    def minor_per_major(self) -> int:
        """How many minor units make one major unit: 100 for USD, 1 for JPY."""
        return int(10**self.exponent)

    def to_minor(self, amount: Decimal) -> int:
        """The exact number of minor units in `amount` major units.

        Raises:
            ValueError: not finite, or finer than the currency's minor unit.
        """
        if not amount.is_finite():
            raise ValueError(f"must be a finite number, not {str(amount)[:9]}")
        if not amount:
            return 0
        if abs(amount.adjusted()) > _MAX_DIGITS or len(amount.as_tuple().digits) > _MAX_DIGITS:
            raise ValueError(f"has more than {_MAX_DIGITS} digits, which is no amount of money")
        # Fractions are exact; Decimal's own arithmetic rounds to the context's digits.
        minor = Fraction(amount) * self.minor_per_major
        if minor.denominator != 1:
            raise ValueError(f"has more decimals than {self.code} knows ({self.exponent})")
        return int(minor)

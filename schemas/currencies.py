"""ISO 4217 currencies: how many decimals the minor unit has.

Source: ISO 4217 list one (active codes). Codes without a minor unit (precious metals, bond market units, SDR, SUCRE,
ADB unit of account, testing and "no currency") are no money a trade is settled in, and are left out.
"""

from typing import Final

_CODES = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CLF
CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF
IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT
MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD
SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS
VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""

_NOT_TWO = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}

EXPONENTS: Final[dict[str, int]] = dict.fromkeys(_CODES.split(), 2) | {
    code: exponent for exponent, codes in _NOT_TWO.items() for code in codes.split()
}
"""Currency code -> decimals of its minor unit."""


def exponent(code: str) -> int:
    """Decimals of a currency's minor unit: 2 for CNY, 0 for JPY.

    Raises:
        KeyError: not an active ISO 4217 currency with a minor unit.
    """
    return EXPONENTS[code]

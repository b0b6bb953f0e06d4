"""The service's codes and what each must become, from its documentation and not from the code."""

from __future__ import annotations

# The platform's table, written down a second time: kind, and whether to ask again.
TABLE = {
    "auth never": "401 1000 1001 1002 1003 1004 1005 1100 1110 1111 1112 1121",
    "auth gone": "1220",
    "quota never": "1113 1304 1308 1309 1310 1313 1314 1315 1316 1317 1318 1319 1320 1321",
    "quota gone": "1311",
    "upstream retry": "500 1120 1200 1230 1234",
    "upstream never": "1702 1703",
    "invalid_request never": "1210 1213 1214 1215 1231",
    "invalid_request next": "1212",
    "invalid_request gone": "1211 1221 1222",
    "too_long next": "1261",
    "content_blocked never": "1300 1301",
    "rate_limited retry": "1302 1303 1701",
    "overloaded retry": "1305",
}


ROWS = [(code, *row.split()) for row, codes in TABLE.items() for code in codes.split()]

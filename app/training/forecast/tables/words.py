"""Words that tables are headed by, in the usual languages and tools. Knows nothing else."""

from typing import Final

# Columns that tell the time of a row.
TIME_NAMES: Final = frozenset(
    {
        "date", "dates", "time", "ds", "datetime", "timestamp", "day", "month", "year",
        "period", "quarter", "week", "hour", "datum", "zeit", "fecha", "data", "jahr", "monat",
        "tag", "woche", "stunde", "date_time", "utc_timestamp", "yearmonth", "yyyymm",
        "yyyymmdd", "service_date", "observation_date", "when",
    }
)  # fmt: skip
# Rows at the end that are no point in time.
TOTALS: Final = frozenset(
    {
        "total", "totals", "sum", "sums", "summe", "gesamt", "insgesamt", "subtotal", "mean",
        "average", "avg", "median", "min", "max", "std", "count", "durchschnitt", "mittelwert",
        "somme", "suma", "totaal", "totale", "moyenne", "media", "grand total",
        "\u0438\u0442\u043e\u0433\u043e",
    }
)  # fmt: skip
# Columns that name the series of a row, as other tools call them.
SERIES_NAMES: Final = frozenset(
    {
        "unique_id", "series_id", "item_id", "tsid", "ts_id", "series_name", "series",
        "timeseries_id", "time_series_id",
    }
)  # fmt: skip
# Columns of whole numbers that may name the series of a row.
KEYS: Final = frozenset(
    {
        "id", "series", "item", "product", "sku", "store", "shop", "site", "sensor", "meter",
        "station", "symbol", "ticker", "customer", "name", "code", "key", "country", "region",
        "state", "city", "category", "variable", "metric", "group", "dept", "department",
        "household", "building", "location", "market",
    }
)  # fmt: skip
# Columns that may count the rows.
INDEX_NAMES: Final = frozenset(
    {"", "unnamed: 0", "index", "rownames", "row", "row_id", "no", "nr", "id", "#", "x", "n"}
)
# Columns of numbers that put rows in order.
STEP_NAMES: Final = frozenset({"t", "step", "time_idx", "obs", "index"})

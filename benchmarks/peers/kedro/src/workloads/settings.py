"""All settings are Kedro's defaults."""

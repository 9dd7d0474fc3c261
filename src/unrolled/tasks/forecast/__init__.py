"""Forecasting. In: series. Out: their next values with intervals. See `forecaster`."""

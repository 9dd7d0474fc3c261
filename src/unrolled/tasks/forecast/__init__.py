"""Forecasting: series in, their next values with intervals out. See `forecaster`."""

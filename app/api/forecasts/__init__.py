"""What the routes of forecasts share: series, covariates, channels, windows of a backtest."""

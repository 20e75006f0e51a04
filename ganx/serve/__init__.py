"""What a finished run is used for: tables filled, rows generated, distances to training rows."""

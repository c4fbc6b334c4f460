"""Who is told: files and services that keep a fit's numbers."""

"""How hypothesis works here: no time limit an example, so that a busy machine fails no test."""

from hypothesis import HealthCheck, settings

settings.register_profile("leadflow", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("leadflow")

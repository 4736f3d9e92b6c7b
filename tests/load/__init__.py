"""Load tests are tested like everything else: their arithmetic, their reports, their aim."""

# Tests that `make test` leaves out, because they build many times.
.PHONY: soak recipes emulate

# Is every artifact the same after kill -9 at 30 random moments?
soak: $(READY)
	pytest -m long tests/test_soak.py

# Does each line of the recipes in docs/ci/ work?
recipes: $(READY)
	pytest -m long tests/test_ci.py

# Is a build on an emulated processor the committed one? Needs qemu-x86_64 (Debian: qemu-user).
emulate: $(READY)
	pytest -m long tests/test_processors.py

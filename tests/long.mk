# Tests that `make test` leaves out, because they take long.
.PHONY: slow soak recipes emulate aarch64 fuzz applications

# Do the promises hold in further cases, which take some minutes?
slow: $(READY)
	pytest --numprocesses 2 --dist loadfile -m slow

# Is every artifact the same after kill -9 at 30 random moments?
soak: $(READY)
	pytest -m long tests/pipeline/test_soak.py

# Does each line of the recipes in docs/ci/ work?
recipes: $(READY)
	pytest -m long tests/repository/test_ci_recipes.py

# Is a build on an emulated processor the committed one? Needs qemu-x86_64 (Debian: qemu-user).
emulate: $(READY)
	pytest -m long tests/repository/test_processors.py

# Does a release verify on an emulated aarch64, and its benchmark run? Needs Debian's qemu-user.
aarch64: $(TOOLS)
	python -m benchmarks.aarch64 $(or $(RELEASE),$(error give RELEASE=FILE.tar))

# Is every damaged configuration and data file read, or refused in lines? Some minutes.
fuzz: $(READY)
	pytest -m long tests/pipeline/test_fuzz.py

# Which of Keras' applications convert by which variant, and how near are they? Half an hour or more.
applications: $(READY)
	python -m benchmarks.applications

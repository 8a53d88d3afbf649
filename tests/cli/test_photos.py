"""The photos that a command needs."""


def test_a_run_whose_photos_have_moved_says_how_to_name_their_folder(untrained_run, graded_folder, failure) -> None:
    run = untrained_run(std=0.01)
    run.config.write_text(run.config.read_text().replace(str(graded_folder), "/moved/away"))
    found, remedy = "its table /moved/away/labels.csv does not exist", "name their folder with --root"
    message = failure("validate", run.root)
    assert message == f"multiskin: error: {run.root}: {found}; if the photos have moved, {remedy}"

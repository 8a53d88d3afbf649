from multiskin.reports.fonts import OWN, drawable, families


def test_latin_is_always_drawable_and_what_no_font_has_never_is() -> None:
    assert families()[0] == OWN
    assert drawable("Number of colours, 0..5 (µm)")
    assert drawable("")
    assert not drawable("oil \U000f0000")


def test_hangul_is_drawable_where_a_font_has_it() -> None:
    assert drawable("유분") == (len(families()) > 1)

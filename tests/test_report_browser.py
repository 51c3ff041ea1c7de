"""The page of an audit in a real browser, opened from a file."""

from __future__ import annotations

import shutil

import pytest
from report_views import HOSTILE, empty_view, full_view, hostile_view

from albu_cutmix.report.page import render

pytest.importorskip("jinja2", reason="jinja2 (the extra 'report') is not installed")
webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
By = pytest.importorskip("selenium.webdriver.common.by").By
Select = pytest.importorskip("selenium.webdriver.support.ui").Select
errors = pytest.importorskip("selenium.common.exceptions")
Keys = webdriver.Keys

pytestmark = pytest.mark.slow
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


@pytest.fixture(scope="module")
def driver():
    """One headless browser for all tests here."""
    browser = next((path for name in NAMES if (path := shutil.which(name))), None)
    chromedriver = shutil.which("chromedriver")
    if not browser or not chromedriver:
        pytest.skip("a Chromium and its chromedriver are not on the path")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The pages as files, by the name of their view."""
    folder = tmp_path_factory.mktemp("pages")
    views = {
        "full": full_view(cards=12, classes=300),
        "empty": empty_view(),
        "hostile": hostile_view(),
    }
    for name, view in views.items():
        (folder / f"{name}.html").write_text(render(view), "utf-8")
    return folder


@pytest.fixture
def visit(driver, files):
    """Open a page in a window of a width on a system with a theme, with an empty log."""

    def open_page(name: str = "full", width: int = 1280, theme: str = "light"):
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = [
            {"name": "prefers-color-scheme", "value": theme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": features})
        driver.get_log("browser")
        driver.get((files / f"{name}.html").as_uri())
        return driver

    return open_page


def by_id(driver, name):
    """The element of an id."""
    return driver.find_element(By.ID, name)


def values(driver, key):
    """A figure of every card that is shown, in order."""
    script = """return [...document.querySelectorAll("#cards > li")]
      .filter((card) => card.checkVisibility()).map((card) => card.dataset[arguments[0]])"""
    return driver.execute_script(script, key)


def numbers(driver, key):
    """The same as numbers."""
    return [float(value) for value in values(driver, key)]


def count_rows(driver, name):
    """How many rows of a table are shown."""
    script = """return [...document.getElementById(arguments[0]).tBodies[0].rows]
      .filter((row) => row.checkVisibility()).length"""
    return driver.execute_script(script, name)


def brightness(driver):
    """The ground of the page, from 0 (black) to 255."""
    script = "return getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).map(Number)"
    channels = driver.execute_script(script)[:3]
    return sum(channels) / 3


def press(driver, *keys):
    """Press keys where the focus is."""
    webdriver.ActionChains(driver).send_keys(*keys).perform()


def tab_to(driver, name, most=60):
    """Press Tab until an element has the focus."""
    for _ in range(most):
        press(driver, Keys.TAB)
        if driver.switch_to.active_element.get_attribute("id") == name:
            return
    raise AssertionError(f"Tab did not reach {name} in {most} steps")


@pytest.mark.parametrize("name", ["full", "empty", "hostile"])
def test_console_is_silent(visit, name):
    """No error, no warning and nothing that the content policy had to stop."""
    driver = visit(name)
    assert driver.get_log("browser") == []


def test_the_silence_check_can_fail(driver, files):
    """A script and a picture from elsewhere are stopped by the policy, and that is logged."""
    text = (files / "empty.html").read_text("utf-8")
    more = '<script>document.title = "run"</script><img src="https://example.invalid/a.png">'
    (files / "broken.html").write_text(text.replace("</main>", f"</main>{more}"), "utf-8")
    driver.get((files / "broken.html").as_uri())
    assert driver.title != "run"
    messages = " ".join(entry["message"] for entry in driver.get_log("browser"))
    assert "script-src" in messages
    assert "img-src" in messages


@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize(("name", "word"), [("full", "Use with care"), ("empty", "Unsafe")])
def test_verdict_comes_first(visit, name, word, width):
    """The verdict is read without scrolling, as a word, not only as a colour."""
    verdict = by_id(visit(name, width), "verdict")
    assert word in verdict.text
    assert verdict.is_displayed()
    assert 0 <= verdict.rect["y"] < 400


@pytest.mark.parametrize("key", ["lam", "share", "erased", "least_visibility", "seam_on_object"])
def test_gallery_sorts(visit, key):
    """Each figure sorts the cards, the worst first, and the button turns the order around."""
    driver = visit()
    assert numbers(driver, "mix") == sorted(numbers(driver, "mix"))
    Select(by_id(driver, "sort")).select_by_value(key)
    down = key in ("share", "erased", "seam_on_object")
    assert numbers(driver, key) == sorted(numbers(driver, key), reverse=down)
    assert by_id(driver, "order").get_attribute("aria-pressed") == str(down).lower()
    by_id(driver, "order").click()
    assert numbers(driver, key) == sorted(numbers(driver, key), reverse=not down)
    assert len(values(driver, key)) == 12


def test_gallery_filters_by_flag_and_pick(visit):
    """Filters narrow each other, the status says how many are left, and a way back is offered."""
    driver = visit()
    Select(by_id(driver, "flag")).select_by_value("ERASED")
    flags = values(driver, "flags")
    assert 0 < len(flags) < 12
    assert all("|ERASED|" in some for some in flags)
    assert by_id(driver, "shown").text == f"{len(flags)} of 12 mixes shown"
    Select(by_id(driver, "pick")).select_by_value("random")
    assert all("|random|" in some for some in values(driver, "picks"))
    assert len(values(driver, "picks")) < len(flags)
    Select(by_id(driver, "flag")).select_by_value("-")
    Select(by_id(driver, "pick")).select_by_value("worst truncated")
    assert all(some == "||" for some in values(driver, "flags"))


def test_gallery_without_a_match_offers_the_way_back(visit):
    """Where no mix is left, the page says so; one button shows all."""
    driver = visit("hostile")
    Select(by_id(driver, "flag")).select_by_value("-")
    assert values(driver, "mix") == []
    assert by_id(driver, "nothing").is_displayed()
    by_id(driver, "reset").click()
    assert len(values(driver, "mix")) == 3
    assert not by_id(driver, "nothing").is_displayed()
    assert driver.switch_to.active_element == by_id(driver, "flag")


def test_hostile_text_is_shown_and_not_run(visit):
    """Names that are markup appear letter by letter; filters by such names work."""
    driver = visit("hostile")
    with pytest.raises(errors.NoAlertPresentException):
        _ = driver.switch_to.alert
    assert driver.execute_script("return document.scripts.length") == 1
    cells = driver.find_elements(By.CSS_SELECTOR, "#table-2-rows tbody th")
    names = {cell.get_attribute("textContent") for cell in cells}
    assert set(HOSTILE) <= names
    Select(by_id(driver, "flag")).select_by_value(HOSTILE[0])
    assert values(driver, "flags") == [f"|{HOSTILE[0]}|"]


def test_theme_follows_the_system_and_the_button(visit):
    """Dark where the system is dark; the button changes it, and the choice is kept."""
    assert brightness(visit()) > 240
    driver = visit(theme="dark")
    button = by_id(driver, "theme")
    assert brightness(driver) < 40
    assert button.get_attribute("aria-pressed") == "true"
    button.click()
    assert brightness(driver) > 240
    assert button.get_attribute("aria-pressed") == "false"
    driver.refresh()
    assert brightness(driver) > 240
    driver.execute_script("localStorage.clear()")


@pytest.mark.parametrize("name", ["full", "empty", "hostile"])
@pytest.mark.parametrize("width", [375, 320])
def test_narrow_screens_scroll_in_one_direction(visit, name, width):
    """The page is as wide as the screen; wide tables scroll in a place of their own."""
    driver = visit(name, width)
    script = "const d = document.documentElement; return [innerWidth, d.scrollWidth, d.clientWidth]"
    inner, needed, there = driver.execute_script(script)
    assert inner == width
    assert needed == there
    script = """return [...document.querySelectorAll(".scroll")]
      .filter((one) => one.scrollWidth > one.clientWidth + 1).length"""
    assert (driver.execute_script(script) > 0) == (name != "empty")


def test_keyboard_path(visit):
    """Tab shows where one is, skips to the verdict, reaches the filters; arrows change them."""
    driver = visit("hostile")
    press(driver, Keys.TAB)
    skip = driver.switch_to.active_element
    assert skip.text == "Skip to the verdict"
    assert skip.rect["y"] >= 0
    press(driver, Keys.ENTER)
    assert driver.switch_to.active_element == by_id(driver, "main")
    tab_to(driver, "sort")
    style = "return getComputedStyle(document.activeElement).outlineStyle"
    assert driver.execute_script(style) == "solid"
    press(driver, Keys.ARROW_DOWN)
    assert Select(by_id(driver, "sort")).first_selected_option.text == "lam"
    assert numbers(driver, "lam") == sorted(numbers(driver, "lam"))
    press(driver, Keys.TAB, Keys.SPACE)
    assert numbers(driver, "lam") == sorted(numbers(driver, "lam"), reverse=True)
    tab_to(driver, "flag", 1)
    press(driver, Keys.ARROW_DOWN)
    assert values(driver, "mix") == []


def test_tables_sort_by_a_button(visit):
    """A column's head sorts by number, says so, and turns around."""
    driver = visit()
    head = driver.find_element(By.CSS_SELECTOR, "#table-1-rows th:nth-child(3)")
    objects = "#table-1-rows tbody tr td:nth-child(2)"
    driver.execute_script("arguments[0].focus()", head.find_element(By.TAG_NAME, "button"))
    for order, first in (("descending", "3,122"), ("ascending", "1,862")):
        press(driver, Keys.ENTER)
        assert head.get_attribute("aria-sort") == order
        assert driver.find_element(By.CSS_SELECTOR, objects).text == first
    others = driver.find_elements(By.CSS_SELECTOR, "#table-1-rows th[aria-sort=none]")
    assert len(others) == 5
    assert by_id(driver, "said").get_attribute("textContent") == "Sorted by Erased, ascending"


def test_many_classes_are_folded(visit):
    """Of 300 classes the first 20 in the order of the moment are shown, all on demand."""
    driver = visit()
    button = driver.find_element(By.CSS_SELECTOR, ".fold")
    assert button.text == "Show all 300"
    assert count_rows(driver, "table-2-rows") == 20
    button.click()
    assert count_rows(driver, "table-2-rows") == 300
    assert button.get_attribute("aria-expanded") == "true"
    button.click()
    assert count_rows(driver, "table-2-rows") == 20


def test_records_and_arguments_are_copied(visit):
    """A copy button puts exactly the shown text on the clipboard, and says so."""
    driver = visit()
    grant = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    driver.execute_cdp_cmd("Browser.grantPermissions", grant)
    view = full_view(cards=12, classes=300)
    (best,) = [row for row in view["sweep"] if row["recommended"]]
    driver.find_element(By.CSS_SELECTOR, ".recommended .copy").click()
    assert read_clipboard(driver) == best["arguments"]
    card = driver.find_element(By.CSS_SELECTOR, ".card:nth-child(3)")
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", card)
    card.find_element(By.TAG_NAME, "summary").click()
    card.find_element(By.CLASS_NAME, "copy").click()
    assert read_clipboard(driver) == view["gallery"][2]["record"]
    assert by_id(driver, "said").get_attribute("textContent") == "Copied to the clipboard"


def read_clipboard(driver):
    """What is on the clipboard."""
    script = "navigator.clipboard.readText().then(arguments[0], (e) => arguments[0](`${e}`))"
    return driver.execute_async_script(script)


def test_pictures_are_enlarged(visit):
    """Enter opens a picture, arrows go on among the shown ones, Escape leads back."""
    driver = visit()
    opener = driver.find_element(By.CSS_SELECTOR, ".card:nth-child(2) .picture")
    driver.execute_script("arguments[0].focus()", opener)
    press(driver, Keys.ENTER)
    viewer = by_id(driver, "viewer")
    assert viewer.is_displayed()
    assert "Mix 17" in viewer.text
    press(driver, Keys.ARROW_RIGHT)
    assert "Mix 30" in viewer.text
    script = """const [one, other] = document.querySelectorAll(
      "#viewer img, #cards > :nth-child(3) img"); return one.src === other.src"""
    assert driver.execute_script(script)
    press(driver, Keys.ESCAPE)
    assert not viewer.is_displayed()
    assert driver.switch_to.active_element == opener


def test_without_its_script_the_page_can_be_read(visit):
    """Figures and pictures are there; controls that could do nothing are not."""
    driver = visit()
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        driver.refresh()
        assert "Use with care" in by_id(driver, "verdict").text
        assert len(driver.find_elements(By.CSS_SELECTOR, ".card img")) == 12
        controls = driver.find_elements(By.CLASS_NAME, "js")
        assert controls
        assert not [one for one in controls if one.is_displayed()]
    finally:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_print_is_light_and_without_controls(visit):
    """On paper the ground is white, even from a dark screen, and there is no button to press."""
    driver = visit(theme="dark")
    driver.execute_script("document.documentElement.dataset.theme = 'dark'")
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert brightness(driver) == 255
    assert not by_id(driver, "theme").is_displayed()
    assert by_id(driver, "verdict").is_displayed()

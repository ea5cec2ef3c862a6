// Turns captures of a terminal (`tmux capture-pane -e`) into pictures:
//   node render.mjs COLUMNSxROWS capture.ansi picture.png [capture picture ...]
// xterm.js draws them in headless Chromium, as it would on a desk.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import puppeteer from "puppeteer-core";

const [size, ...files] = process.argv.slice(2);
const [cols, rows] = size.split("x").map(Number);
const xterm = (file) => createRequire(import.meta.url).resolve(`@xterm/xterm/${file}`);

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  // Chromium has no sandbox for root; it sees nothing here but our own pages.
  args: process.getuid() === 0 ? ["--no-sandbox"] : [],
});
try {
  const page = await browser.newPage();
  await page.setViewport({ width: 1600, height: 1000, deviceScaleFactor: 1.5 });
  await page.setContent('<body style="margin:0;background:#16181d"><div id="t" style="display:inline-block;padding:12px"></div>');
  await page.addStyleTag({ path: xterm("css/xterm.css") });
  await page.addScriptTag({ path: xterm("lib/xterm.js") });
  for (let i = 0; i < files.length; i += 2) {
    // The last line ends without a newline, or the screen would scroll.
    const text = (await readFile(files[i], "utf8")).replace(/\n$/, "").replace(/\n/g, "\r\n");
    await page.evaluate(drawn, text, cols, rows);
    await (await page.$("#t")).screenshot({ path: files[i + 1] });
  }
} finally {
  await browser.close();
}

// drawn runs in the page, and returns when the terminal stands there.
async function drawn(text, cols, rows) {
  await document.fonts.load('14px "JetBrains Mono"');
  const place = document.getElementById("t");
  place.replaceChildren();
  const term = new Terminal({
    cols, rows, fontFamily: '"JetBrains Mono", "DejaVu Sans Mono"', fontSize: 14, scrollback: 0, cursorBlink: false,
    cursorInactiveStyle: "none", theme: { background: "#16181d", foreground: "#e4e4e4" },
  });
  term.open(place);
  await new Promise((done) => term.write("\x1b[?25l" + text, done));
  // Two frames: one to draw, one that shows it is drawn.
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}

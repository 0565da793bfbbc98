// The browser and the system that a user agent names. Pure.

/** The first that fits counts: most browsers also name the ones they are like. */
const BROWSERS = /** @type {[string, RegExp][]} */ ([
  ["Edge", /\bEdg(?:e|A|iOS)?\/(\d+)/],
  ["Opera", /\b(?:OPR|Opera)\/(\d+)/],
  ["Samsung Internet", /\bSamsungBrowser\/(\d+)/],
  ["Firefox", /\b(?:Firefox|FxiOS)\/(\d+)/],
  ["Chrome", /\b(?:HeadlessChrome|Chrome|CriOS)\/(\d+)/],
  ["Safari", /\bVersion\/(\d+)[\d.]* .*Safari\//],
  ["curl", /^curl\/(\d+)/],
]);
const SYSTEMS = /** @type {[string, RegExp][]} */ ([
  ["iOS", /\b(?:iPhone|iPad|iPod)\b/],
  ["Android", /\bAndroid\b/],
  ["Windows", /\bWindows\b/],
  ["macOS", /\bMac OS X\b/],
  ["ChromeOS", /\bCrOS\b/],
  ["Linux", /\bLinux\b/],
]);

/**
 * Name browser and system: "Firefox 143 · Windows". Of anything else the text is returned.
 *
 * @param {string} agent
 */
export function agentName(agent) {
  const browser = BROWSERS.map(([name, sign]) => sign.exec(agent) && `${name} ${sign.exec(agent)?.[1]}`).find(Boolean);
  const system = SYSTEMS.find(([, sign]) => sign.test(agent))?.[0];
  return [browser, system].filter(Boolean).join(" · ") || agent;
}

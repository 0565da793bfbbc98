// The operations of an endpoint, each with calls to copy.

import { SelectField } from "../../components/fields.js";
import { Facts } from "../../components/layout.js";
import { Snippets } from "../../components/snippets.js";
import { texts } from "../../lib/i18n.js";
import { html, useState } from "../../lib/preact.js";

const t = texts("downstream");

/** @param {{row: import("./page.js").Endpoint}} props */
export function Examples({ row }) {
  const names = row.operations.map(({ method, path }) => `${method} ${path}`);
  const [chosen, setChosen] = useState(`${row.method} ${row.path}`);
  const [method, path] = chosen.split(" ");
  return html`<${Facts}
      items=${[
        [t("setting"), html`<code>downstream.${row.key}</code>`],
        [t("by_default"), row.default ? t("on") : t("off")],
      ]}
    />
    ${names.length > 1 &&
    html`<${SelectField}
      label=${t("operation")}
      value=${chosen}
      options=${names.map((name) => ({ value: name, label: name }))}
      onInput=${setChosen}
    />`}
    <${Snippets} key=${chosen} method=${method} path=${path} />`;
}

// The playground of the operator (F-UI-80): it uses a key of the session, so none is typed.

import { PageHeader } from "../../components/layout.js";
import { Loading } from "../../components/states.js";
import { api } from "../../lib/api.js";
import { texts } from "../../lib/i18n.js";
import { useLoad } from "../../lib/poll.js";
import { html } from "../../lib/preact.js";
import { Playground } from "./playground.js";
import { Shelf } from "./sessions.js";

const t = texts("chat");

const shelf = new Shelf("grokgate-playground");

export default function Chat() {
  const { data, error } = useLoad(async (signal) => {
    const { endpoints } = await api.get("/downstream", { signal });
    return Object.fromEntries(endpoints.map((/** @type {any} */ row) => [row.key, row.answers]));
  }, []);
  if (!data && !error) {
    return html`<${PageHeader} title=${t("page_chat")} /><${Loading} kind="page" rows=${2} />`;
  }
  return html`<${Playground} title=${t("page_chat")} shelf=${shelf} answers=${data ?? null} />`;
}

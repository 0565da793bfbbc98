// What concerns the operator: sessions, help, version, logout.

import { Menu } from "../components/menu.js";
import { api } from "../lib/api.js";
import { reasonOf } from "../lib/build.js";
import { texts } from "../lib/i18n.js";
import { html, useState } from "../lib/preact.js";
import { ended } from "../lib/session.js";
import { toast } from "../lib/toasts.js";
import { openShortcuts } from "./shortcuts.js";

const t = texts("common");

export function Account() {
  const [version, setVersion] = useState(/** @type {{dialog: any} | null} */ (null));
  const showVersion = async () => {
    try {
      setVersion({ dialog: (await import("./version.js")).VersionDialog });
    } catch (error) {
      toast.error(await reasonOf(error));
    }
  };
  const items = [
    { label: t("sessions"), icon: "shield", to: "/admin/audit?view=sessions" },
    { label: t("shortcuts"), icon: "help", onSelect: openShortcuts },
    { label: t("version"), icon: "info", onSelect: showVersion },
    { label: t("page_components"), icon: "layers", to: "/admin/components" },
    { label: t("logout"), icon: "logout", onSelect: logout },
  ];
  return html`<${Menu} label=${t("account")} icon="user" items=${items} />
    ${version && html`<${version.dialog} onClose=${() => setVersion(null)} />`}`;
}

/** End the session here and on the gateway. */
async function logout() {
  try {
    await api.post("/logout");
  } catch (error) {
    toast.error(error);
    return;
  }
  ended();
}

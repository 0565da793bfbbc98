// The list of pages: at the left, or in a drawer on a narrow screen.

import { IconButton } from "../components/button.js";
import { Icon, Logo } from "../components/icon.js";
import { language, texts } from "../lib/i18n.js";
import { GROUPS, PAGES, panels, prepare } from "../lib/pages.js";
import { useModal } from "../lib/modal.js";
import { html, useRef } from "../lib/preact.js";
import { href, place } from "../lib/router.js";

const t = texts("common");

/** @param {{page?: import("../lib/pages.js").Page}} props */
export function Navigation({ page }) {
  return html`<a class="brand" href=${href("/admin/overview")}>
      <${Logo} size=${28} /> <span>Grokgate</span>
    </a>
    <nav class="nav" aria-label=${t("navigation")}>
      ${GROUPS.map(
        (group) =>
          html`<div class="nav-group" key=${group}>
            <h2 class="nav-title">${t(`group_${group}`)}</h2>
            <ul role="list">
              ${PAGES.filter((each) => each.group === group).map(
                (each) =>
                  html`<${Entry}
                    key=${each.name}
                    to=${each.path}
                    icon=${each.icon}
                    label=${t(`page_${each.name}`)}
                    current=${each.name === page?.name}
                    onNear=${() => prepare(each).catch(() => {})}
                  />`,
              )}
            </ul>
          </div>`,
      )}
      ${panels.value.length > 0 &&
      html`<div class="nav-group">
        <h2 class="nav-title">${t("group_panels")}</h2>
        <ul role="list">
          ${panels.value.map((panel) => {
            const to = `/admin/panel/${panel.plugin}/${panel.id}`;
            return html`<${Entry}
              key=${to}
              to=${to}
              icon="plug"
              label=${panel.title[language.value] ?? panel.title.en ?? panel.id}
              current=${place.value.path === to}
            />`;
          })}
        </ul>
      </div>`}
    </nav>`;
}

/**
 * @param {{to: string, icon: string, label: string, current: boolean, onNear?: () => unknown}} props
 *   A pointer or the focus that comes near begins to load the page.
 */
function Entry({ to, icon, label, current, onNear }) {
  return html`<li>
    <a
      class="nav-link"
      href=${href(to)}
      aria-current=${current ? "page" : undefined}
      onPointerEnter=${onNear}
      onFocus=${onNear}
    >
      <${Icon} name=${icon} /><span class="ellipsis">${label}</span>
    </a>
  </li>`;
}

/**
 * The same on a narrow screen.
 *
 * @param {{page?: import("../lib/pages.js").Page, onClose: () => void}} props
 */
export function Drawer({ page, onClose }) {
  const place = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useModal(place, onClose);
  return html`<dialog
    ref=${place}
    class="drawer"
    aria-label=${t("navigation")}
    onClick=${(/** @type {MouseEvent} */ event) => {
      const target = /** @type {Element} */ (event.target);
      if (target === place.current || target.closest("a")) onClose();
    }}
  >
    <div class="drawer-frame">
      <${IconButton} class="drawer-close" icon="close" label=${t("close")} onClick=${onClose} />
      <${Navigation} page=${page} />
    </div>
  </dialog>`;
}

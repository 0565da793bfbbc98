// All views of the playground, by tabs; the same for an operator and for a visitor.

import { Button } from "../../components/button.js";
import { PageHeader } from "../../components/layout.js";
import { Empty } from "../../components/states.js";
import { TabPanel, Tabs } from "../../components/tabs.js";
import { texts } from "../../lib/i18n.js";
import { html, useEffect } from "../../lib/preact.js";
import { navigate, useQuery } from "../../lib/router.js";
import { ConversationView } from "./conversation.js";
import { EditView, makesEdits } from "./edit.js";
import { GalleryView } from "./gallery.js";
import { ImagesView, makesImages } from "./images.js";
import { Visiting } from "./problem.js";
import { state as gallery } from "./sockets.js";
import { running } from "./stream.js";
import { VideoView } from "./video.js";

const t = texts("chat");

/** The switch that each view needs. */
const SWITCHES = /** @type {const} */ ({
  chat: "enable_chat_completions",
  responses: "enable_responses",
  image: "enable_images",
  edit: "enable_image_edits",
  nsfw: "enable_images_nsfw",
  video: "enable_videos",
  gallery: "enable_gallery",
});

/** @typedef {keyof typeof SWITCHES} View */

const VIEWS = /** @type {View[]} */ (Object.keys(SWITCHES));
const FOR_VISITORS = /** @type {View[]} */ (["chat", "responses", "image", "edit", "video"]);

/**
 * @param {{title: string, shelf: import("./sessions.js").Shelf, visiting?: boolean,
 *   answers?: Record<string, boolean> | null, actions?: unknown}} props
 *   Answers: which switches are on and work; null: not known.
 */
export function Playground({ title, shelf, visiting = false, answers = null, actions }) {
  const [{ tab, c, model }, setQuery] = useQuery({ tab: "chat", c: "", model: "" });
  const works = (/** @type {View} */ view) => answers === null || answers[SWITCHES[view]] !== false;
  const adult = !visiting && answers !== null && works("nsfw");
  const views = visiting ? FOR_VISITORS : VIEWS.filter((view) => view !== "nsfw" || adult);
  const view = views.find((each) => each === tab) ?? "chat";
  const talks = view === "chat" || view === "responses";
  const choose = (/** @type {string} */ next) => setQuery({ tab: next, c: "" });
  const busy = underWay(shelf);
  useLeaving(busy.size > 0);
  // The view has taken the model by now: effects of children come first.
  useEffect(() => {
    if (model) setQuery({ model: "" });
  }, [model]);
  return html`<${Visiting.Provider} value=${visiting}>
    <div class=${`playground ${talks ? "playground-talk" : ""}`}>
      <${PageHeader} title=${title} actions=${actions} />
      <${Tabs}
        label=${t("views")}
        tabs=${views.map((each) => ({
          id: each,
          label: t(`view_${each}`),
          tone: each !== view && busy.has(each) ? "accent" : undefined,
        }))}
        selected=${view}
        onSelect=${choose}
      />
      <${TabPanel} id=${view}>
        ${works(view) ? html`<${Shown}
          view=${view}
          shelf=${shelf}
          id=${c}
          wanted=${model}
          adult=${adult}
          onTab=${choose}
          onOpen=${(/** @type {string} */ id) => setQuery({ c: id })}
        />` : html`<${Off} view=${view} />`}
      <//>
    </div>
  <//>`;
}

/**
 * @param {{view: View, shelf: import("./sessions.js").Shelf, id: string, wanted: string,
 *   adult: boolean, onTab: (tab: string) => void, onOpen: (id: string) => void}} props
 */
function Shown({ view, shelf, id, wanted, adult, onTab, onOpen }) {
  switch (view) {
    case "image":
    case "nsfw":
      return html`<${ImagesView} key=${view} tab=${view} wanted=${wanted} onTab=${onTab} />`;
    case "edit":
      return html`<${EditView} wanted=${wanted} onTab=${onTab} />`;
    case "video":
      return html`<${VideoView} spicy=${adult} wanted=${wanted} />`;
    case "gallery":
      return html`<${GalleryView} nsfw=${adult} onTab=${onTab} />`;
    default:
      return html`<${ConversationView}
        key=${view}
        kind=${view}
        shelf=${shelf}
        id=${id}
        wanted=${wanted}
        onOpen=${onOpen}
      />`;
  }
}

/**
 * Tell in which views something is being made.
 *
 * @param {import("./sessions.js").Shelf} shelf
 * @returns {Set<View>}
 */
function underWay(shelf) {
  const talks = shelf.all.value.filter(({ id }) => running.value.has(id)).map(({ kind }) => kind);
  const images = /** @type {const} */ (["image", "nsfw"]).filter(makesImages);
  const rest = /** @type {View[]} */ ([makesEdits() && "edit", gallery.value.on && "gallery"].filter(Boolean));
  return new Set([...talks, ...images, ...rest]);
}

/** @param {{view: View}} props */
function Off({ view }) {
  return html`<${Empty}
    icon="switch"
    title=${t("switched_off", { view: t(`view_${view}`) })}
    action=${html`<${Button}
      kind="primary"
      onClick=${() => navigate("/admin/downstream")}
    >${t("to_switches")}<//>`}
  >
    ${t("switched_off_lead")}
  <//>`;
}

/**
 * Have the browser ask before an answer is cut off by leaving.
 *
 * @param {boolean} busy
 */
function useLeaving(busy) {
  useEffect(() => {
    if (!busy) return undefined;
    const ask = (/** @type {BeforeUnloadEvent} */ event) => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [busy]);
}

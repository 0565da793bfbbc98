// A form that asks POST /v1/PLUGIN, as a client would.

/** @param {any} kit What the admin UI lends: rendering, components, calls and texts. */
export default ({ html, hooks, components, api, t }) => {
  const { useAction, useState } = hooks;
  const { Button, Card, Failure, TextField } = components;

  function view() {
    const [topic, setTopic] = useState("");
    const [text, setText] = useState("");
    const [error, setError] = useState(null);

    const [busy, write] = useAction(async () => {
      setError(null);
      const reply = await api.v1.post("/v1/PLUGIN", { topic });
      setText(reply.body.text);
    }, setError);

    /** @param {Event} event */
    function submit(event) {
      event.preventDefault();
      void write();
    }

    return html`<${Card} title=${t("try")} lead=${t("lead")}>
      <form class="PLUGIN-form" onSubmit=${submit}>
        <${TextField}
          label=${t("topic")}
          value=${topic}
          onInput=${setTopic}
          maxLength=${200}
          required=${true}
        />
        <${Button} kind="primary" type="submit" busy=${busy}>${t("write")}<//>
      </form>
      ${error && html`<${Failure} error=${error} />`}
      <p class="PLUGIN-text" aria-live="polite">${text}</p>
    <//>`;
  }

  return { view };
};

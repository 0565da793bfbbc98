// A conversation as a file of Markdown. Pure.

/** @param {import("./sessions.js").Conversation} conversation */
export function toMarkdown({ title, turns }) {
  const parts = turns.map((turn) =>
    turn.role === "user" ? `> ${said(turn).replaceAll("\n", "\n> ")}` : `**${turn.model}**\n\n${turn.text}`,
  );
  return `# ${title}\n\n${parts.join("\n\n")}\n`;
}

/** @param {import("./sessions.js").Question} question */
function said({ text, files }) {
  return [text, ...files.map(({ name }) => `[${name}]`)].filter(Boolean).join("\n");
}

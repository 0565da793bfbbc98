// What the gateway refused, or that it could not be reached.

/** What a call throws when there is no good answer. */
export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {{status?: number, code?: string, param?: string | null, requestId?: string,
   *   retryAfterS?: number | null, body?: unknown}} facts
   *   Status 0: there was no answer.
   */
  constructor(message, facts) {
    super(message);
    this.status = facts.status ?? 0;
    this.code = facts.code ?? "";
    this.param = facts.param ?? null;
    this.requestId = facts.requestId ?? "";
    this.retryAfterS = facts.retryAfterS ?? null;
    this.body = facts.body;
  }
}

/** Make the error of a request that nothing answered. */
export function unreachable() {
  return new ApiError("unreachable", { code: "unreachable" });
}

/**
 * Make an error of a refusal's reply; also of the routes for clients.
 *
 * @param {Response} reply
 */
export async function errorOf(reply) {
  const body = await reply.json().catch(() => null);
  const told = body?.error;
  const seconds = Number(reply.headers.get("retry-after"));
  return new ApiError(told?.message ?? body?.detail ?? `HTTP ${reply.status}`, {
    status: reply.status,
    code: told?.code ?? told?.type ?? "",
    param: told?.param ?? null,
    requestId: reply.headers.get("x-request-id") ?? "",
    retryAfterS: Number.isFinite(seconds) && seconds > 0 ? seconds : null,
    body,
  });
}

/**
 * Fetch, past what the browser has kept; throws `ApiError` when nothing answers.
 *
 * @param {URL} address
 * @param {RequestInit} [request]
 */
export async function reach(address, request = {}) {
  try {
    return await fetch(address, { ...request, cache: "no-store" });
  } catch (error) {
    if (request.signal?.aborted) throw error;
    throw unreachable();
  }
}

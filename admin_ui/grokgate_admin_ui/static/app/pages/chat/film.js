// Videos: the jobs of this key, and their files.

import { ApiError } from "../../lib/api.js";
import { signal } from "../../lib/preact.js";
import { v1 } from "../../lib/v1.js";
import { keepRecord, noteRefusal, noteReply, renameRecord } from "./records.js";

/**
 * @typedef {object} Video
 * @property {string} id
 * @property {string} model
 * @property {"queued" | "in_progress" | "completed" | "failed"} status
 * @property {number} progress Percent.
 * @property {number} created_at Unix seconds.
 * @property {number | null} completed_at
 * @property {string} prompt
 * @property {string} seconds
 * @property {string} size
 * @property {{code: string, message: string} | null} error
 */

/** Whether the upstream continues videos; it is told by its first refusal. */
export const canExtend = signal(true);

/** @param {Video} video */
export function isUnderWay({ status }) {
  return status === "queued" || status === "in_progress";
}

/**
 * @param {AbortSignal} aborted
 * @returns {Promise<Video[]>} Newest first.
 */
export async function listVideos(aborted) {
  return (await v1.get("/v1/videos?limit=24", { signal: aborted })).body.data;
}

/**
 * Begin a job.
 *
 * @param {string} path
 * @param {Record<string, any>} body
 * @returns {Promise<Video>}
 */
export async function beginVideo(path, body) {
  const record = keepRecord("video", path, body);
  try {
    const reply = await v1.post(path, body);
    noteReply(record, reply);
    renameRecord("video", reply.body.id);
    return reply.body;
  } catch (error) {
    noteRefusal(record, error);
    if (error instanceof ApiError && error.code === "endpoint_not_supported") canExtend.value = false;
    throw error;
  }
}

/**
 * Fetch a file of a video.
 *
 * @param {string} id
 * @param {"video" | "thumbnail"} variant
 * @param {AbortSignal} [aborted]
 * @returns {Promise<Blob>}
 */
export function fileOf(id, variant, aborted) {
  return v1.blob(`/v1/videos/${id}/content?variant=${variant}`, { signal: aborted });
}

/**
 * Remove a job and its file.
 *
 * @param {string} id
 */
export async function removeVideo(id) {
  await v1.delete(`/v1/videos/${id}`);
}

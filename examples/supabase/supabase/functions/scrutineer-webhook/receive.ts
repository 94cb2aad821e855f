// Verifies a message of Scrutineer and hands its result on. Knows neither Deno nor Supabase, so any runtime can test it.

import { Webhook } from "standardwebhooks";

// A row of the table inspection_results; see ../../migrations.
export interface Result {
  inspection_id: string;
  message_id: string;
  state: string;
  reference: string | null;
  item: unknown;
  reasons: unknown;
  failure: unknown;
  finished_at: string | null;
}

const LONGEST_BODY = 1_000_000;

// 2xx: stored, or nothing to store. 400: not from Scrutineer, or too old. An error of `save` becomes a 500, and Scrutineer
// sends again.
export async function receive(
  request: Request,
  secret: string,
  save: (result: Result) => Promise<void>,
): Promise<Response> {
  if (request.method !== "POST") return new Response(null, { status: 405 });
  if (Number(request.headers.get("content-length") ?? 0) > LONGEST_BODY) return new Response(null, { status: 413 });
  const body = await request.text(); // the raw text is what was signed
  let message: { type: string; data: Record<string, any> };
  try {
    message = new Webhook(secret).verify(body, Object.fromEntries(request.headers)) as typeof message;
  } catch {
    return new Response("The signature is not valid.", { status: 400 });
  }
  if (message.type.startsWith("inspection.")) {
    const { data } = message;
    await save({
      inspection_id: data.id,
      message_id: request.headers.get("webhook-id")!,
      state: data.state,
      reference: data.reference,
      item: data.item,
      reasons: data.verdict?.reasons ?? null,
      failure: data.failure,
      finished_at: data.finished_at,
    });
  }
  return new Response(null, { status: 204 });
}

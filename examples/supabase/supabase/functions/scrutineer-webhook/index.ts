// A Supabase Edge Function: each result of Scrutineer becomes a row. A message may come twice, so rows are upserted.

import { createClient } from "@supabase/supabase-js";
import { receive } from "./receive.ts";

const secret = Deno.env.get("SCRUTINEER_WEBHOOK_SECRET");
if (!secret) throw new Error("SCRUTINEER_WEBHOOK_SECRET is not set");
// Supabase sets these two itself. The service role writes past row level security: it must never reach a browser.
const database = createClient(Deno.env.get("SUPABASE_URL")!, Deno.env.get("SUPABASE_SERVICE_ROLE_KEY")!);

Deno.serve((request) =>
  receive(request, secret, async (result) => {
    const { error } = await database.from("inspection_results").upsert(result, { onConflict: "inspection_id" });
    if (error) throw error;
  })
);

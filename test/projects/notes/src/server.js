import { readFileSync } from "node:fs";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { greet } from "./greet.js";

const settings = JSON.parse(readFileSync(new URL("../config/settings.json", import.meta.url), "utf8"));
const { dependencies } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
const app = new Hono();
app.get("/", (context) =>
  context.json({ text: greet(settings.name), packages: Object.keys(dependencies), process: process.pid }),
);
serve({ fetch: app.fetch, port: 3000, hostname: "0.0.0.0" });

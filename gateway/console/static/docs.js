// Starts Swagger UI on our own description. No validator (it would send the description to a public server), no settings
// from the address bar, and keys stay in this tab's memory.
"use strict";

SwaggerUIBundle({
  url: document.getElementById("api").dataset.openapi,
  dom_id: "#api",
  deepLinking: true,
  validatorUrl: null,
  queryConfigEnabled: false,
  persistAuthorization: false,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});

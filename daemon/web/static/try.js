// The page that tries the API: Swagger UI over our own description, as whoever is signed in.
"use strict";

const READS = ["GET", "HEAD", "OPTIONS"];
const key = document.querySelector('meta[name="csrf-token"]').content;

window.ui = SwaggerUIBundle({
  url: "/openapi/openapi.json",
  dom_id: "#try",
  deepLinking: false,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: true,
  // Would ask a service outside whether the description is valid.
  validatorUrl: null,
  requestInterceptor: (request) => {
    const here = new URL(request.url, location.href).origin === location.origin;
    if (here && !READS.includes(request.method ?? "GET")) {
      request.headers["X-CSRF-Token"] = key;
    }
    return request;
  },
});

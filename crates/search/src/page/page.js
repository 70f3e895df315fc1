"use strict";

// Puts the crystals into the page.

const report = JSON.parse(document.getElementById("data").textContent);
startGallery(report.crystals, report.looks);

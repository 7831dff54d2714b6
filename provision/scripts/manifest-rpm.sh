#!/bin/sh
# Print what rpm knows for a manifest: packages with their version.
rpm -qa --queryformat 'package\t%{NAME}\tii \t%{VERSION}-%{RELEASE}\n'

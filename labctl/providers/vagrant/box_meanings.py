"""What it means that a box cannot be downloaded or used.

Vagrant downloads with curl and shows what curl says.
"""

from __future__ import annotations

from labctl.errors import MachineLacks
from labctl.i18n import N_
from labctl.providers.vagrant.meaning import DOCTOR, Meaning, classes_of

BOX: tuple[Meaning, ...] = (
    Meaning(
        N_("the box has no build for this processor"),
        MachineLacks,
        classes=classes_of(
            "BoxNotFoundWithProviderArchitecture BoxAddNoMatchingArchitecture"
            " BoxAddNoArchitectureSupport BoxAddNoMatchingProviderVersion"
        ),
        text="VBOX_E_PLATFORM_ARCH_NOT_SUPPORTED|platform architecture \\w+ is not supported",
        advice=N_(
            "set box and version in labctl.toml to a box that has one; a box that was added from a "
            'file has version = "0" and needs --architecture'
        ),
        lines=DOCTOR,
    ),
    Meaning(
        N_("Windows cannot find out whether the certificate of a server was revoked"),
        MachineLacks,
        text="CRYPT_E_(NO_REVOCATION_CHECK|REVOCATION_OFFLINE)",
        advice=N_(
            "a proxy or an antivirus program may prevent it: use another network, or copy the"
            " folder boxes in .vagrant.d from a computer that has the box"
        ),
        lines=("labctl up",),
    ),
    Meaning(
        N_("the certificate of a server is not accepted"),
        MachineLacks,
        text="SSL certificate|certificate verify|CRYPT_E_|SEC_E_|schannel: "
        "|(?i:self.signed certificate)",
        advice=N_(
            "check the date and time of this machine; if a proxy or an antivirus program reads"
            " HTTPS, set CURL_CA_BUNDLE to a file with its certificate"
        ),
        lines=("labctl up",),
    ),
    Meaning(
        N_("a proxy does not let Vagrant download"),
        MachineLacks,
        text="(?i:from proxy|resolve proxy|proxy connect|proxy auth|connect to proxy)"
        r"|returned error: 407\b",
        advice=N_(
            "set HTTPS_PROXY to the proxy of this network with its user name and password, or unset"
            " it if there is none"
        ),
        lines=("labctl up",),
    ),
    Meaning(
        N_("the server of the boxes allows no more downloads for now"),
        MachineLacks,
        text=r"returned error: 429\b",
        advice=N_(
            "wait some minutes, or copy the folder boxes in .vagrant.d from a computer that has the"
            " box"
        ),
        lines=("labctl up",),
    ),
    Meaning(
        N_("there is no such box or version"),
        MachineLacks,
        classes=classes_of(
            "BoxAddNoMatchingVersion BoxAddNoMatchingProvider BoxProviderDoesntMatch"
            " BoxVersionInvalid BoxAddNameMismatch BoxMetadataMalformedVersion BoxAddDirectVersion"
        ),
        text=r"returned error: 4(03|04|10)\b",
        advice=N_("check box and version in labctl.toml; without them, the edition's box is used"),
        lines=("labctl up",),
    ),
    Meaning(
        N_("the downloaded box is damaged"),
        MachineLacks,
        classes=classes_of(
            "BoxChecksumMismatch DownloaderChecksumError BoxUnpackageFailure BoxVerificationFailed"
            " BoxMetadataCorrupted BoxMetadataMalformed VMImportFailure BoxFormatMissingAttribute"
            " BoxFormatDuplicateVolume BadBoxImage NoBoxVirtualSizeSet NoBoxFormatSet"
            " WrongBoxFormatSet NoDiskVirtualSizeSet WrongDiskFormatSet"
        ),
        advice=N_("run the same command again to repeat the download"),
    ),
    Meaning(
        N_("the box is not on this machine and cannot be downloaded"),
        MachineLacks,
        classes=classes_of(
            "BoxAddShortNotFound BoxFileNotExist"
            " BoxMetadataDownloadError BoxMetadataFileNotFound BoxNotFound BoxNotFoundWithProvider"
            " BoxNotFoundWithProviderAndVersion BoxServerNotSet DownloaderError"
            " DownloaderInterrupted BoxMetadataMissingRequiredFields"
        ),
        advice=N_(
            "connect to the internet for the first up, or copy the folder boxes in .vagrant.d from"
            " a computer that has the box"
        ),
        lines=("labctl up",),
    ),
)

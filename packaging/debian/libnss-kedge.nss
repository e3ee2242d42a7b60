hosts before=dns kedge [!UNAVAIL=return]
